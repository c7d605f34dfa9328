"""What ``python -m shallownet`` runs."""

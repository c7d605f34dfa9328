"""What becomes of the measurements: figures, tables, pictures, the stored results and the report."""

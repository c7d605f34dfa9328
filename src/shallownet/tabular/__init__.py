"""Estimators for tables of numbers and categories: how tables are read and encoded, and how networks learn them."""

"""What every formula is made of: array namespaces, stable elementary functions, operations on rows."""

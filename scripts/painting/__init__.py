"""How the example pictures are painted: fields, brush, ray marcher, and one module a picture."""

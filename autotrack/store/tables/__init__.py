"""What the store keeps, table by table."""

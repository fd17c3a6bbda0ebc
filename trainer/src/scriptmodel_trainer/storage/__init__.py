"""What is stored: files, written atomically, and the records and arrays in them."""

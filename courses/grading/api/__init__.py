"""The API of grades."""

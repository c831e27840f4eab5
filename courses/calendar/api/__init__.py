"""The API's doors to the calendar."""

"""The student's calendar for other programs, under secret addresses that can be taken back."""

"""The only way out to other hosts: names resolved once, checked, and connected to exactly as checked.

The plugins' gateway stands on it, and so does every part of this site that asks an address a student gave.
"""

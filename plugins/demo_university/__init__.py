"""A small university that speaks the Canvas REST API over a bundled semester.

It is a server of its own (`python -m plugins.demo_university --port 8010`) and knows nothing of Core
Engine: the Canvas plugin talks to it exactly as it would to a real Canvas.
"""

"""Sign-in at other services: OAuth 2.0 as a client, from the first redirect to the last revocation.

`sign_in` leads a student there and back, `tokens` keeps what came of it fresh, `revocation` gives it back,
`clients` finds the client id that an admin registered. `protocol` is the wire format and does no I/O; `endpoint`
is the one place that talks to token endpoints, under the gateway's rules.
"""

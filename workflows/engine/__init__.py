"""The workflow core: plain Python over a small store. Read it in this order.

`definition` (what a workflow is) and `validation` (what may be wrong with it), `states` and `records` (how a
piece of work stands), `store` (where that is kept, and the one rule of keeping it), `ledger` (one transaction),
`scope` (what expressions see), `transitions` (what happens next), `runner` (who does it, and when), `retry`.
"""

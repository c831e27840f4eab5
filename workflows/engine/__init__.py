"""The workflow core: plain Python over a small store. Read it in this order.

What is asked for: `definition` (a workflow) and `validation` (what may be wrong with it; its parts are `fields`,
`trigger_checks`, `inputs`, and `source` for YAML, `schema` for editors).

How a piece of work stands: `states`, `records`, `store` (where that is kept, and the one rule of keeping it), `ledger`
(one transaction), `scope` (what expressions see), `results` (what a container gave).

What happens next: `transitions` (steps and executions), `containers` (conditions, loops, parallels), `pauses` (waiting
for a time or a person), `retry` and `outcome` (what an attempt comes to), `rerun` (doing it again).

Who does it, and when: `runner`, `lease`. What the log proves: `replay`, `digest`. `memory` is a store without a
database.
"""

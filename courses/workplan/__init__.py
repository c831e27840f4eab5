"""How much work there is and when to do it: effort, workload, proposals of a plan, blocks of work."""

"""What starts executions by itself: schedules, webhooks, events, and the failure of another execution.

`rows` keeps the triggers of a workflow in step with its definition; `slots` is the arithmetic of schedules;
`firing` starts an execution for a trigger, or leaves a failed one that says why not; `schedules`, `webhooks`,
`events` and `error_workflows` decide when. `ticking` is what beat asks for every few seconds.
"""

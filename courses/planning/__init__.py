"""The planner: what a student has to do, in three views, and the tasks they make themselves."""

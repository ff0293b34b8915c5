"""Learners on machines of their own: start-up kits, messages, the group's end and the coordinator's."""

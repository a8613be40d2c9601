"""Alarms and conditions (OPC 10000-9): what needs a person stays until one has dealt with it.

============ ======================================================================================
module       what it is for
============ ======================================================================================
`state`      `AlarmState`: what a condition knows, and what each step makes of it; no I/O
`condition`  `Alarm`: a condition as nodes, and its event with every field
`alarms`     `Alarms`: all conditions, raised and cleared by who watches, kept over a restart
`methods`    Acknowledge, Confirm, AddComment, Enable, Disable, ConditionRefresh
============ ======================================================================================

Branches are not offered: while an alarm is unacknowledged and comes again, the one condition shows
the newer one, and an EventId from before is unknown.
"""

"""The command line, one room a family of commands.

- `common`   the group, exit codes, printing
- `asking`   ingredients, where-used, history, recall
- `keeping`  init, status, verify, rebuild, backup, restore, import-master, export-nodeset
- `serving`  check, run
- `demo`     the line to try
"""

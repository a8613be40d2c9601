"""Which edges count at a moment, and the paths over them.

- `believed`, `arms`  SQL for what is believed at a moment; edges of tables and of mounts
- `closure`     recursive closure and the edges it met
- `contents`    what a lot or container holds, and at which of it a question begins
- `walk`        depths, paths and limits over edges in memory
- `search`      closure and walk together, within node budget and deadline
"""

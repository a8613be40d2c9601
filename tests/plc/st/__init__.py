"""The subset of IEC 61131-3 structured text that plc/ is written in, executed as it stands there.

Types are checked, and no more leniently than in the standard: a value is assigned to its own type
only, an arithmetic overflow and an index out of bounds are errors, names are declared before they
are used.

- `tokens`   text into tokens
- `types`    elementary types, arrays, structures, function blocks; what a variable begins with
- `expressions`, `statements`  compiled into closures while they are parsed
- `program`  declarations; a program that runs cycle by cycle
"""

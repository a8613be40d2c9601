"""The command line, one room a family of commands.

- `common`       the group, exit codes, errors, printing
- `asking`       ingredients, where-used, history, recall
- `finding`      find
- `exporting`    export-epcis
- `recall_list`  a recall as a CSV file
- `drill`        recall-drill
- `reporting`    report issue, report list, report check
- `keeping`      init, status, verify, rebuild, backup, restore, import-master, export-nodeset
- `indexing`     index
- `consuming`    consumers list, consumers remove
- `points`       export-points
- `probing`      what check --probe found
- `pki`          pki init, list, trust, reject, renew, csr, install
- `sample`       the configuration that init writes
- `telling`      the devices of status
- `serving`      check, run
- `demo`         the line to try
- `demo_setup`   what its server begins with
- `user`         user add, list, remove, role, password, certificate
- `audit`        audit list, verify
"""

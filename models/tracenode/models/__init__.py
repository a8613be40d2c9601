"""The vocabulary of tracenode: what is said between devices, store, graph and clients. No I/O."""

"""Modbus TCP, TLS and RTU: addresses, block planning, the guarded link, the polling driver."""

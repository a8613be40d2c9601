"""Who may connect and do what, as an attacker would try it."""

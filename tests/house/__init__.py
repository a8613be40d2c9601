"""The house itself: layout, locks, wheel, and the script that sets it up."""

"""HistoryRead of values and events, through clients that no one here wrote."""

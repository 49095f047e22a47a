"""Building blocks of networks; no probability here."""

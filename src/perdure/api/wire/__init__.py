"""What travels over REST: one file per noun. Built from core values, never the other way round."""

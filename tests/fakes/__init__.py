"""Stand-ins for what lies outside the product: each speaks the real protocol on loopback."""

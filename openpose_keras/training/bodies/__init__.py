"""Networks of bodies: their targets, their samples, their training."""

"""What to do about it: state and plan (pure), execute, summarise, and the queue that drives them."""

"""Who answers: the roster, the queue of waiting calls, and the offer of one to the other."""

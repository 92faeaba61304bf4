"""What the flow needs from the outside, in its own words. Each says what has happened on return and on a raise."""

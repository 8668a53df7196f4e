"""What a person can do, one short function each, and what the screen may ask; the way is `Desk`, the words are the domain's."""

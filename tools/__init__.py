"""What maintainers run by hand or from make; nothing else imports it."""

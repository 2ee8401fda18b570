"""What goes wrong, against the real thing: gunicorn, Postgres, Redis, and readers that write down what they saw."""

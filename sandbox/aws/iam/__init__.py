"""Who may do what: policies are evaluated as AWS evaluates them, where ``/sandbox/iam`` says so."""

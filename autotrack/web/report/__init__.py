"""Pages as a file to send: the same pages, in one document that needs no server and no script."""

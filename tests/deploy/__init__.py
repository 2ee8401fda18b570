"""What the documents say about running Rill: behind real proxies, as a service, as an image, on a platform."""

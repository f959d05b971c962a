"""Tests of the image and of the manifests: what is read before anything is run."""

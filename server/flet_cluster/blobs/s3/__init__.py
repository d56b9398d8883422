"""Uploads in a bucket of S3, or what speaks like it: MinIO, SeaweedFS, R2 (layer 2; boto3 is here only)."""

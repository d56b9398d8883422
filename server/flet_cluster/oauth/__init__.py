"""OAuth 2.0 and OpenID Connect with a provider, by authlib; knows no Flet, no store (layer 2).

Imported when the first user of an app signs in: authlib and its HTTP client take memory that others do not
need to pay.
"""

//! OpenID Connect as a relying party sees it, as values: what a provider says of itself, the request, its answer, the ID token.

pub mod authorization;
pub mod id_token;
pub mod provider;
pub mod token_response;

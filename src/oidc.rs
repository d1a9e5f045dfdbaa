//! OpenID Connect as values. As a relying party sees it: what a provider says of itself, the request, its answer, the ID token and what it says of a person. As a
//! provider sees it: the request of an application, and the code that a device shows. For both, signatures.

pub mod authentication_request;
pub mod authorization;
pub mod device_authorization;
pub mod id_token;
pub mod logout_token;
pub mod profile;
pub mod provider;
pub mod signature;
pub mod token_response;

//! A route: what is asked, who answers it, and how the API's description says so. One table of them makes both the router and
//! the description, so that neither can lie about the other.

use crate::api::http::Shared;
use crate::api::types::ApiError;
use axum::Router;
use axum::routing::MethodRouter;
use std::borrow::Cow;
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathsBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{Array, ArrayBuilder, ComponentsBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{
    ContentBuilder, Info, OpenApi, OpenApiBuilder, PathItem, Ref, RefOr, Required, Response, ResponseBuilder, ResponsesBuilder,
};
use utoipa::{IntoParams, ToSchema};

/// What is asked, who answers, and the words for both.
pub(super) struct Route {
    method: HttpMethod,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    handler: MethodRouter<Shared>,
    query: Vec<Parameter>,
    takes: Option<Cow<'static, str>>,
    gives: (u16, Response),
    schemas: Vec<(String, RefOr<Schema>)>,
}

impl Route {
    /// A route that answers 204 until [`Route::gives`] says otherwise.
    pub(super) fn new(
        method: HttpMethod,
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        handler: MethodRouter<Shared>,
    ) -> Self {
        let nothing = ResponseBuilder::new().description("Done").build();
        Self { method, path, id, summary, handler, query: vec![], takes: None, gives: (204, nothing), schemas: vec![] }
    }

    /// It takes these fields in its query.
    pub(super) fn query<T: IntoParams>(mut self) -> Self {
        self.query = T::into_params(|| Some(ParameterIn::Query));
        self
    }

    /// It takes this as JSON.
    pub(super) fn takes<T: ToSchema>(mut self) -> Self {
        self.takes = Some(T::name());
        self.remember::<T>();
        self
    }

    /// It gives this as JSON, with this status.
    pub(super) fn gives<T: ToSchema>(mut self, status: u16) -> Self {
        self.gives = (status, answer("application/json", Ref::from_schema_name(T::name())));
        self.remember::<T>();
        self
    }

    /// It gives a list of these as JSON.
    pub(super) fn lists<T: ToSchema>(mut self) -> Self {
        let list: Array = ArrayBuilder::new().items(Ref::from_schema_name(T::name())).build();
        self.gives = (200, answer("application/json", Schema::Array(list)));
        self.remember::<T>();
        self
    }

    /// It gives something else than JSON.
    pub(super) fn writes(mut self, content_type: &'static str) -> Self {
        let text = ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).build();
        self.gives = (200, answer(content_type, Schema::Object(text)));
        self
    }

    fn remember<T: ToSchema>(&mut self) {
        self.schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(&mut self.schemas);
    }

    fn operation(&self) -> Operation {
        let refused = answer("application/json", Ref::from_schema_name(ApiError::name()));
        let responses =
            ResponsesBuilder::new().response(self.gives.0.to_string(), self.gives.1.clone()).response("default", refused);
        let body = self.takes.clone().map(|name| {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(name))).build();
            RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True)).build()
        });
        OperationBuilder::new()
            .operation_id(Some(self.id))
            .summary(Some(self.summary))
            .parameters(Some(in_path(self.path).chain(self.query.iter().cloned())))
            .request_body(body)
            .responses(responses.build())
            .build()
    }
}

/// Routes as a router.
pub(super) fn router(routes: Vec<Route>) -> Router<Shared> {
    routes.into_iter().fold(Router::new(), |router, route| router.route(route.path, route.handler))
}

/// Routes as an OpenAPI description.
pub(super) fn describe(routes: &[Route]) -> OpenApi {
    let mut info = Info::new("Lanloom", "1");
    info.description = Some("The daemon's API: HTTP/1.1 and JSON on its Unix socket.".to_owned());
    let paths = routes.iter().fold(PathsBuilder::new(), |paths, route| {
        paths.path(route.path, PathItem::new(route.method.clone(), route.operation()))
    });
    let mut schemas = vec![(ApiError::name().into_owned(), <ApiError as utoipa::PartialSchema>::schema())];
    ApiError::schemas(&mut schemas);
    schemas.extend(routes.iter().flat_map(|route| route.schemas.iter().cloned()));
    let components = schemas.into_iter().fold(ComponentsBuilder::new(), |all, (name, schema)| all.schema(name, schema));
    OpenApiBuilder::new().info(info).paths(paths.build()).components(Some(components.build())).build()
}

fn answer(content_type: &str, schema: impl Into<RefOr<Schema>>) -> Response {
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let description = if content_type == "application/json" { "JSON" } else { "A stream or text" };
    ResponseBuilder::new().description(description).content(content_type, content).build()
}

fn in_path(path: &'static str) -> impl Iterator<Item = Parameter> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).map(|name| {
        let text = ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).build();
        ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True).schema(Some(text)).build()
    })
}

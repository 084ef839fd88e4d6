//! What may be asked of networks, endpoints and sandboxes. A change waits for its turn; looking waits for nothing.

use super::model::{Id, NetworkChange, NewEndpoint, NewNetwork, NewSandbox};
use super::refusal::Attempt;
use super::view::{EndpointView, NetworkView, SandboxView};
use super::{Controller, Refusal};
use crate::names::Name;

impl Controller {
    /// Makes a network. Answers its id, and a line for each thing that it does without.
    ///
    /// # Errors
    /// If the name or a subnet is taken, the driver is unknown, or it or the kernel refuses.
    pub async fn create_network(&self, name: Name, new: NewNetwork) -> Result<(Id, Vec<String>), Refusal> {
        self.change(move |inner| async move { inner.create_network(name, new).await }).await
    }

    /// Changes a network that is there.
    ///
    /// # Errors
    /// If there is none, or the driver refuses.
    pub async fn update_network(&self, network: String, change: NetworkChange) -> Result<(), Refusal> {
        self.change(move |inner| async move { inner.update_network(&network, change).await }).await
    }

    /// Deletes a network.
    ///
    /// # Errors
    /// If there is none, it is always there, it has endpoints, or the kernel refuses.
    pub async fn delete_network(&self, network: String) -> Result<(), Refusal> {
        self.change(move |inner| async move { inner.delete_network(&network).await }).await
    }

    /// The networks, by name.
    pub fn networks(&self) -> Vec<NetworkView> {
        self.inner.book.networks().iter().map(|network| self.inner.network_view(network)).collect()
    }

    /// One network, by id, name, or the beginning of one id only.
    ///
    /// # Errors
    /// If there is none.
    pub fn network(&self, text: &str) -> Result<NetworkView, Refusal> {
        let network = self.inner.find_network(&Attempt::new("show network", text), text)?;
        Ok(self.inner.network_view(&network))
    }

    /// Makes an endpoint for a sandbox on a network, and joins it. Answers the endpoint.
    ///
    /// # Errors
    /// If there is no such network or sandbox, it is connected already, no address is left, or the kernel refuses.
    pub async fn connect(&self, network: String, sandbox: String, new: NewEndpoint) -> Result<Id, Refusal> {
        self.change(move |inner| async move { inner.connect(&network, &sandbox, new).await }).await
    }

    /// Has a sandbox leave a network, and deletes its endpoint there. With `force`, also what is left of one that is no more.
    ///
    /// # Errors
    /// If it is not connected, or the kernel refuses.
    pub async fn disconnect(&self, network: String, sandbox: String, force: bool) -> Result<(), Refusal> {
        self.change(move |inner| async move { inner.disconnect(&network, &sandbox, force).await }).await
    }

    /// Makes an endpoint, without a sandbox yet.
    ///
    /// # Errors
    /// If there is no such network, the name is taken there, or no address is left.
    pub async fn create_endpoint(&self, network: String, name: Name, new: NewEndpoint) -> Result<Id, Refusal> {
        self.change(move |inner| async move { inner.create_endpoint(&network, name, new, false).await }).await
    }

    /// Joins an endpoint to a sandbox.
    ///
    /// # Errors
    /// If there is no such endpoint or sandbox, it is joined already, or the kernel refuses.
    pub async fn join_endpoint(&self, endpoint: String, sandbox: String) -> Result<(), Refusal> {
        self.change(move |inner| async move { inner.join_endpoint(&endpoint, &sandbox).await }).await
    }

    /// Has an endpoint leave its sandbox, and deletes it; with `force`, also where its driver cannot take it away.
    ///
    /// # Errors
    /// If there is no such endpoint, it is in no sandbox, or the kernel refuses.
    pub async fn leave_endpoint(&self, endpoint: String, force: bool) -> Result<(), Refusal> {
        self.change(move |inner| async move { inner.leave_endpoint(&endpoint, force).await }).await
    }

    /// Deletes an endpoint; with `force`, also one that is in a sandbox.
    ///
    /// # Errors
    /// If there is none, it is in a sandbox, or the kernel refuses.
    pub async fn delete_endpoint(&self, endpoint: String, force: bool) -> Result<(), Refusal> {
        self.change(move |inner| async move { inner.delete_endpoint(&endpoint, force).await }).await
    }

    /// The endpoints of a network or of all, by name.
    ///
    /// # Errors
    /// If there is no such network.
    pub fn endpoints(&self, network: Option<&str>) -> Result<Vec<EndpointView>, Refusal> {
        let found = match network {
            Some(text) => {
                let network = self.inner.find_network(&Attempt::new("list endpoints of", text), text)?;
                self.inner.book.endpoints_on(&network.id)
            }
            None => self.inner.book.endpoints(),
        };
        Ok(found.iter().filter_map(|endpoint| self.inner.endpoint_view(endpoint)).collect())
    }

    /// One endpoint, by id, `network/name`, a name that no other has, or the beginning of one id only; with what its driver says.
    ///
    /// # Errors
    /// If there is none.
    pub async fn endpoint(&self, text: &str) -> Result<EndpointView, Refusal> {
        let attempt = Attempt::new("show endpoint", text);
        let endpoint = self.inner.find_endpoint(&attempt, text)?;
        let view = self.inner.endpoint_view(&endpoint);
        let mut view = view.ok_or_else(|| attempt.not_found("its network is gone", "delete the endpoint"))?;
        view.info.extend(self.inner.driver_info(&attempt, &endpoint).await);
        Ok(view)
    }

    /// Makes a sandbox and connects it to networks; all of it or nothing.
    ///
    /// # Errors
    /// If the name is taken, the namespace is not there, there is no such network, or the kernel refuses.
    pub async fn create_sandbox(
        &self,
        name: Name,
        new: NewSandbox,
        networks: Vec<(String, NewEndpoint)>,
    ) -> Result<Id, Refusal> {
        self.change(move |inner| async move { inner.create_sandbox(name, new, networks).await }).await
    }

    /// Deletes a sandbox with its endpoints and what was made for it; with `force`, also where drivers cannot take these away.
    ///
    /// # Errors
    /// If there is none, or the kernel refuses; what is left is named, and deleting it again goes on.
    pub async fn delete_sandbox(&self, sandbox: String, force: bool) -> Result<(), Refusal> {
        self.change(move |inner| async move { inner.delete_sandbox(&sandbox, force).await }).await
    }

    /// The sandboxes, by name.
    pub fn sandboxes(&self) -> Vec<SandboxView> {
        self.inner.book.sandboxes().iter().map(|sandbox| self.inner.sandbox_view(sandbox)).collect()
    }

    /// One sandbox, by id, name, or the beginning of one id only.
    ///
    /// # Errors
    /// If there is none.
    pub fn sandbox(&self, text: &str) -> Result<SandboxView, Refusal> {
        let sandbox = self.inner.find_sandbox(&Attempt::new("show sandbox", text), text)?;
        Ok(self.inner.sandbox_view(&sandbox))
    }
}

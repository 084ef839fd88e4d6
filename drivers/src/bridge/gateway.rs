//! The gateway's interface, in the daemon's namespace: by it the host is in the network.

use ipnet::IpNet;

use super::layout::{Layout, Sysctls};
use super::{Bridge, GATEWAY};
use crate::driver::DriverError;
use crate::kernel::{KernelError, Netns, Plan, SysctlKey, Why};

impl Bridge {
    /// Plugs the gateway in; its interface has no address yet.
    pub(super) async fn make_gateway(&self, layout: &Layout) -> Result<(), DriverError> {
        self.networks.fabric.add_port(&layout.spec.name, &layout.gateway_port()).await
    }

    /// Gives the gateway's interface these settings and the addresses that it is to have, and no others.
    pub(super) async fn set_gateway(&self, layout: &Layout, sysctls: &Sysctls) -> Result<(), DriverError> {
        self.set_gateway_v6(layout, &sysctls.v6).await.map_err(|error| refused(layout, &error))?;
        let (missing, excess) = self.compare_addresses(layout).await.map_err(|error| refused(layout, &error))?;
        let plan = Plan { sysctls: sysctls.v4.clone(), addresses: missing, up: true, ..Plan::new(layout.ifname.clone()) };
        self.kernel.configure(&Netns::Daemon, &plan).await.map_err(|error| refused(layout, &error))?;
        for address in excess {
            let deleted = self.kernel.delete_address(&Netns::Daemon, &layout.ifname, address).await;
            deleted.map_err(|error| refused(layout, &error))?;
        }
        Ok(())
    }

    /// Has the gateway forward, if it is to, whose other settings it has.
    pub(super) async fn open_gateway(&self, layout: &Layout) -> Result<(), DriverError> {
        let (now, closed) = (self.gateway_sysctls(layout).await?, layout.sysctls(false)?);
        let all = now.v4.into_iter().chain(now.v6);
        let changed: Vec<_> = all.filter(|one| !closed.v4.contains(one) && !closed.v6.contains(one)).collect();
        if changed.is_empty() {
            return Ok(());
        }
        self.kernel.set_sysctl(&Netns::Daemon, &changed).await.map_err(|error| refused(layout, &error))
    }

    /// Writes the settings of all gateways again.
    pub(super) async fn renew_gateways(&self) -> Result<(), DriverError> {
        let networks = self.networks.registry.all();
        for layout in networks.iter().filter(|network| network.made.gateway).map(|network| &network.layout) {
            let Sysctls { v4, v6 } = self.gateway_sysctls(layout).await?;
            for sysctls in [v6, v4] {
                match self.kernel.set_sysctl(&Netns::Daemon, &sysctls).await {
                    // One that could not be made at the start has been told of.
                    Err(error) if error.why() != &Why::NoSuchSetting => return Err(refused(layout, &error)),
                    Ok(()) | Err(_) => {}
                }
            }
        }
        Ok(())
    }

    /// Nothing is forwarded from a network that is internal, or while no firewall keeps networks apart.
    async fn gateway_sysctls(&self, layout: &Layout) -> Result<Sysctls, DriverError> {
        layout.sysctls(!layout.spec.internal && self.egress.is_open().await)
    }

    /// A kernel without IPv6 has nothing to turn off.
    async fn set_gateway_v6(&self, layout: &Layout, sysctls: &[(SysctlKey, String)]) -> Result<(), KernelError> {
        match self.kernel.set_sysctl(&Netns::Daemon, sysctls).await {
            Err(error) if error.why() == &Why::NoSuchSetting && !layout.has_gateway_v6() => Ok(()),
            done => done,
        }
    }

    /// The addresses that the interface lacks, and those that it has besides.
    async fn compare_addresses(&self, layout: &Layout) -> Result<(Vec<IpNet>, Vec<IpNet>), KernelError> {
        let wanted = layout.gateway_addresses();
        let has = self.kernel.list_addresses(&Netns::Daemon, &layout.ifname).await?;
        let missing = wanted.iter().filter(|one| !has.contains(one)).copied().collect();
        Ok((missing, has.into_iter().filter(|one| !wanted.contains(one)).collect()))
    }

    /// Has the gateway be there and as it is to be, with as little change as that takes.
    pub(super) async fn right_gateway(&self, layout: &Layout, is_there: bool) -> Result<(), DriverError> {
        let switch = &layout.spec.name;
        let name = &layout.ifname;
        let found = is_there && self.kernel.link(&Netns::Daemon, name).await.is_ok();
        if found {
            let port = layout.gateway_port();
            self.networks.fabric.set_port(switch, GATEWAY, port.isolated, &port.guard).await?;
        } else {
            self.networks.fabric.delete_port(switch, GATEWAY).await?;
            self.make_gateway(layout).await?;
        }
        self.set_gateway(layout, &self.gateway_sysctls(layout).await?).await
    }
}

fn refused(layout: &Layout, error: &KernelError) -> DriverError {
    DriverError::kernel("set up the gateway of network", &layout.spec.name, error)
}

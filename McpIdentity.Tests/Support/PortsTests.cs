using System.Net;
using System.Net.Sockets;

namespace McpIdentity.Tests.Support;

[Parallelizable(ParallelScope.All)]
internal sealed class PortsTests
{
    [Test]
    public void Ports_are_below_the_ephemeral_range_and_handed_out_once()
    {
        var ports = Enumerable.Range(0, 50).AsParallel().Select(_ => Ports.Next()).ToArray();

        Assert.That(ports, Is.Unique);
        Assert.That(ports, Is.All.InRange(20000, 29999));
    }

    [Test]
    public void A_port_that_is_taken_is_passed_over()
    {
        using var listener = new TcpListener(IPAddress.Loopback, Ports.Next() + 1);
        listener.Start();

        Assert.That(Ports.Next(), Is.Not.EqualTo(((IPEndPoint)listener.LocalEndpoint).Port));
    }
}

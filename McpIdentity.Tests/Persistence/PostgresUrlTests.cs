using McpIdentity.Server.Persistence;
using McpIdentity.Tests.Settings;
using Npgsql;

namespace McpIdentity.Tests.Persistence;

/// <summary><c>DATABASE_URL</c> as hosting platforms hand it out: every parameter of PostgreSQL's own library.</summary>
[Category("Configuration")]
[Parallelizable(ParallelScope.All)]
internal sealed class PostgresUrlTests
{
    [Test]
    public void What_a_platform_hands_out_is_taken_as_it_is()
    {
        var neon = PostgresUrl.Parse("postgresql://owner:npg_x%40y@ep-cool-1234-pooler.eu-central-1.aws.neon.tech/neondb?sslmode=require&channel_binding=require");

        Assert.That((neon.Host, neon.Port, neon.Database, neon.Username, neon.Password), Is.EqualTo(("ep-cool-1234-pooler.eu-central-1.aws.neon.tech", 5432, "neondb", "owner", "npg_x@y")));
        Assert.That((neon.SslMode, neon.ChannelBinding), Is.EqualTo((SslMode.Require, ChannelBinding.Require)));
    }

    [Test]
    public void Every_parameter_has_its_counterpart()
    {
        var all = PostgresUrl.Parse(
            "postgres://h/d?user=me&password=p%26w&port=5433&sslmode=verify-full&sslrootcert=/c/root.pem&sslcert=/c/me.pem&sslkey=/c/me.key&sslpassword=k&sslnegotiation=direct&channel_binding=prefer" +
            "&gssencmode=disable&krbsrvname=pg&application_name=id%20a&fallback_application_name=x&client_encoding=UTF8&connect_timeout=7&keepalives=1&keepalives_idle=30&keepalives_interval=10" +
            "&keepalives_count=3&tcp_user_timeout=1000&target_session_attrs=read-write&load_balance_hosts=random&options=-c%20statement_timeout%3D5000&require_auth=scram-sha-256&sslsni=1&sslcompression=0&passfile=/p");

        Assert.That((all.Username, all.Password, all.Port, all.SslMode, all.RootCertificate, all.SslCertificate, all.SslKey), Is.EqualTo(("me", "p&w", 5433, SslMode.VerifyFull, "/c/root.pem", "/c/me.pem", "/c/me.key")));
        Assert.That((all.ChannelBinding, all.ApplicationName, all.Timeout, all.TcpKeepAlive, all.TcpKeepAliveTime, all.TcpKeepAliveInterval), Is.EqualTo((ChannelBinding.Prefer, "id a", 7, true, 30, 10)));
        Assert.That((all.TargetSessionAttributes, all.LoadBalanceHosts, all.Options, all.RequireAuth), Is.EqualTo(("read-write", true, "-c statement_timeout=5000", "ScramSHA256")));
    }

    [TestCase("postgres://u:p@h1:5432,h2:5433,h3/d?target_session_attrs=primary", "h1:5432,h2:5433,h3")]
    [TestCase("postgres://u:p@[::1]:5433/d", "::1")]
    [TestCase("postgres://u:p%40%2F%3A@h/d", "h"), TestCase("postgres://u:p@ss@h/d", "h"), TestCase("POSTGRES://u:p@h", "h")]
    [TestCase("postgres://u@%2Fvar%2Frun%2Fpostgresql/d", "/var/run/postgresql"), TestCase("postgresql:///d?host=/var/run/postgresql", "/var/run/postgresql")]
    public void Hosts_are_one_or_several_an_address_or_a_socket(string url, string host) => Assert.That(PostgresUrl.Parse(url).Host, Is.EqualTo(host));

    [TestCase("postgres://u:hunter22@h/d?sslmod=require", "'sslmod'"), TestCase("postgres://u:hunter22@h/d?sslmode=sometimes", "'sslmode'"), TestCase("postgres://u:hunter22@h/d?connect_timeout=soon", "'connect_timeout'")]
    [TestCase("postgres://u:hunter22@h:port/d", "port"), TestCase("postgres://u:hunter22@h:70000/d", "port"), TestCase("postgres://u:hunter22@/d", "host"), TestCase("mysql://u:hunter22@h/d", "postgres://"), TestCase("h:5432/hunter22", "postgres://")]
    [TestCase("postgres://u:hunter22@h/d?sslcrl=/c/crl", "'sslcrl'"), TestCase("postgres://u:hunter22@h/d?schema=public", "'schema'")]
    public void What_is_unknown_is_named_in_a_line_without_the_password(string url, string named)
    {
        var problems = SettingsFile.ProblemsOf(file => file.Build($"DATABASE_URL={url}"));

        Assert.That(problems, Does.Contain("DATABASE_URL").And.Contain(named).And.Not.Contain("hunter22"));
        Assert.That(problems.Split('\n'), Has.Length.EqualTo(2), "a heading and one line");
    }
}

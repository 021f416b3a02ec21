using System.Collections.Concurrent;
using System.Reflection;
using McpIdentity.Server.Pages;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.ApplicationModels;
using Microsoft.AspNetCore.Mvc.Infrastructure;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.AspNetCore.Mvc.RazorPages.Infrastructure;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Pages;

/// <summary>When MVC of a running server describes a page (<see cref="LatePages"/>), and what of its model a request may set (<see cref="BoundProperties"/>).</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class BoundPropertiesTests
{
    [Test]
    public async Task No_page_is_described_before_it_is_asked_for()
    {
        var described = new Described();
        await using var server = await TestServer.StartAsync(builder => builder.Services.AddSingleton<IPageApplicationModelProvider>(described));
        Assert.That(server.Services.GetRequiredService<IActionDescriptorCollectionProvider>().ActionDescriptors.Items, Has.Count.GreaterThan(30), "their addresses are known");
        Assert.That(described.Pages, Is.Empty);

        foreach (var _ in (string[])["once", "and not again"])
        {
            using var page = await server.Http.GetAsync("/account/apps");
            Assert.That(described.Pages, Is.EqualTo(["/account/apps"]));
        }
    }

    [Test]
    public async Task Of_every_page_exactly_what_a_request_may_set_is_bound()
    {
        await using var server = await TestServer.StartAsync();
        var loader = server.Services.GetRequiredService<PageLoader>();
        var pages = server.Services.GetRequiredService<IActionDescriptorCollectionProvider>().ActionDescriptors.Items.OfType<PageActionDescriptor>();
        var models = await Task.WhenAll(pages.Select(page => loader.LoadAsync(page, new Microsoft.AspNetCore.Http.EndpointMetadataCollection())));

        foreach (var model in models)
        {
            Assert.That(
                model.BoundProperties.Cast<PageBoundPropertyDescriptor>().Select(property => property.Property.Name), Is.EquivalentTo(PropertiesOf(model.ModelTypeInfo!).Where(IsForRequests).Select(property => property.Name)), model.ModelTypeInfo!.Name);
        }

        Assert.That(models.Sum(model => model.BoundProperties.Count), Is.GreaterThan(20), "filters of lists, and what a form sends");
    }

    [Test]
    public async Task What_no_request_may_set_is_not_described_to_find_the_pages()
    {
        await using var server = await TestServer.StartAsync();
        var parts = server.Services.GetRequiredService<IPageApplicationModelPartsProvider>();
        var properties = typeof(BoundProperties).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(PageModel)) && !type.IsAbstract).SelectMany(PropertiesOf).ToList();

        Assert.That(properties.Where(property => parts.CreatePropertyModel(property) is not null), Is.EquivalentTo(properties.Where(IsForRequests)));
        Assert.That(properties.Where(IsForRequests).Count(), Is.GreaterThan(20).And.LessThan(properties.Count / 4));
    }

    private sealed class Described : IPageApplicationModelProvider
    {
        public ConcurrentQueue<string> Pages { get; } = [];

        public int Order => int.MaxValue;

        public void OnProvidersExecuting(PageApplicationModelProviderContext context) => Pages.Enqueue("/" + context.ActionDescriptor.AttributeRouteInfo!.Template);

        public void OnProvidersExecuted(PageApplicationModelProviderContext context)
        {
            // What is made of it is not looked at.
        }
    }

    private static PropertyInfo[] PropertiesOf(Type model) => model.GetProperties(BindingFlags.Instance | BindingFlags.Public);

    private static bool IsForRequests(PropertyInfo property) => property.GetCustomAttributes<BindPropertyAttribute>().Any();
}

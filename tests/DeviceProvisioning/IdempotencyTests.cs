using System.Net;
using System.Net.Http.Json;
using System.Text;
using EasySmart.Hosting;
using EasySmart.ServiceDefaults.Auth;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>A client that got no answer asks again with the same Idempotency-Key, and there is one device.</summary>
public sealed class IdempotencyTests(DevicesHost host)
{
    private readonly Guid _tenant = Guid.CreateVersion7();
    private readonly Guid _user = Guid.CreateVersion7();
    private readonly string _key = Guid.NewGuid().ToString();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private HttpClient Client => host.Installer(_tenant, _user);

    [Fact]
    public async Task The_same_request_gets_the_same_answer_and_makes_one_device()
    {
        var label = Calls.NewLabel();
        using var first = await Client.PostProvisionAsync(label, _key);
        using var second = await Client.PostProvisionAsync(label, _key);
        Assert.Equal((HttpStatusCode.Created, HttpStatusCode.Created), (first.StatusCode, second.StatusCode));
        Assert.Equal(first.Content.Headers.ContentType, second.Content.Headers.ContentType);
        var text = await first.Content.ReadAsStringAsync(Cancellation);
        Assert.Contains("\"device_secret\":", text, StringComparison.Ordinal);
        Assert.Equal(text, await second.Content.ReadAsStringAsync(Cancellation));
        Assert.False(first.Headers.Contains("Idempotency-Replayed"));
        Assert.Equal("true", second.Headers.GetValues("Idempotency-Replayed").Single());
        Assert.Equal(1, await DevicesAsync());

        // Without a key the label is taken, as ever.
        await Envelope.AssertAsync(await Client.PostProvisionAsync(label), 409, "conflict");
    }

    [Fact]
    public async Task Another_request_with_the_key_is_409()
    {
        (await Client.PostProvisionAsync(Calls.NewLabel(), _key)).Dispose();
        await Envelope.AssertAsync(await Client.PostProvisionAsync(Calls.NewLabel(), _key), 409, "conflict");
        using var query = new HttpRequestMessage(HttpMethod.Post, $"/devices/provision?tenant_id={_tenant}");
        query.Headers.Add("Idempotency-Key", _key);
        await Envelope.AssertAsync(await Client.SendAsync(query, Cancellation), 409, "conflict");
        Assert.Equal(1, await DevicesAsync());
    }

    [Fact]
    public async Task Of_20_at_once_one_makes_a_device()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Client.PostProvisionAsync(key: _key)));
        Assert.Equal(1, await DevicesAsync());
        var made = answers.Where(a => a.StatusCode == HttpStatusCode.Created).ToList();
        Assert.Single((await Task.WhenAll(made.Select(a => a.Content.ReadAsStringAsync(Cancellation)))).Distinct());
        foreach (var busy in answers.Except(made))
        {
            await Envelope.AssertAsync(busy, 409, "conflict");
            Assert.NotNull(busy.Headers.RetryAfter);
        }
    }

    [Fact]
    public async Task A_key_is_its_tenants_and_its_users_own()
    {
        var colleague = host.Installer(_tenant);
        var neighbour = host.Installer(Guid.CreateVersion7(), _user);
        var answers = new List<string>();
        foreach (var client in new[] { Client, colleague, neighbour })
        {
            using var answer = await client.PostProvisionAsync(key: _key);
            Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
            answers.Add(await answer.Content.ReadAsStringAsync(Cancellation));
        }

        Assert.Equal(3, answers.Distinct().Count());

        // A super-admin's key is another one in each tenant that it names.
        var admin = host.As(null, role: "super_admin", permissions: [Permissions.SystemAdmin]);
        admin.DefaultRequestHeaders.Add("Idempotency-Key", _key);
        foreach (var tenant in new[] { _tenant, Guid.CreateVersion7() })
        {
            await host.KnowAsync(tenant);
            using var answer = await admin.PostAsync($"/devices/provision?tenant_id={tenant}", null, Cancellation);
            Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        }

        Assert.Equal(3, await DevicesAsync());
    }

    [Fact]
    public async Task After_it_expired_the_key_makes_another_device()
    {
        using var first = await Client.PostProvisionAsync(key: _key);
        var left = await host.ScalarAsync<TimeSpan>("SELECT expires_at - clock_timestamp() FROM idempotency_keys WHERE tenant_id = $1", _tenant);
        Assert.InRange(left, TimeSpan.FromHours(23), TimeSpan.FromHours(24));
        await host.ScalarAsync<object>("UPDATE idempotency_keys SET expires_at = now() WHERE tenant_id = $1", _tenant);
        using var second = await Client.PostProvisionAsync(Calls.NewLabel(), _key);
        Assert.Equal(HttpStatusCode.Created, second.StatusCode);
        Assert.Equal(2, await DevicesAsync());
    }

    [Fact]
    public async Task A_refusal_is_not_kept()
    {
        var label = Calls.NewLabel();
        await host.Installer(Guid.CreateVersion7()).ProvisionAsync(label);
        await Envelope.AssertAsync(await Client.PostProvisionAsync(label, _key), 409, "conflict");
        await Envelope.AssertAsync(await Client.PostProvisionAsync("a/b", _key), 400, "bad_request");
        Assert.Equal(0, await DevicesAsync());
        using var better = await Client.PostProvisionAsync(Calls.NewLabel(), _key);
        Assert.Equal(HttpStatusCode.Created, better.StatusCode);
    }

    [Theory]
    [InlineData("")]
    [InlineData("two words")]
    [InlineData("two\twords")]
    [InlineData(null)]
    public async Task A_malformed_key_is_400(string? key)
    {
        var envelope = await Envelope.AssertAsync(await Client.PostProvisionAsync(key: key ?? new string('x', 256)), 400, "bad_request");
        Assert.True(envelope.GetProperty("details").TryGetProperty("Idempotency-Key", out _));
        Assert.Equal(0, await DevicesAsync());
        using var longest = await Client.PostProvisionAsync(key: new string('~', 255));
        Assert.Equal(HttpStatusCode.Created, longest.StatusCode);
    }

    [Fact]
    public async Task The_kept_answer_survives_a_restart_and_shows_no_secret()
    {
        using var first = await Client.PostProvisionAsync(key: _key);
        var device = (await first.Content.ReadFromJsonAsync<ProvisionedDevice>(Cancellation))!;
        await using (var restarted = await host.RestartedAsync())
        {
            using var second = await restarted.Installer(_tenant, _user).PostProvisionAsync(key: _key);
            Assert.Equal(device, await second.Content.ReadFromJsonAsync<ProvisionedDevice>(Cancellation));
        }

        // Neither what was answered nor the client's key lies in the table, in any form that a LIKE finds.
        var row = await host.ScalarAsync<string>("SELECT encode(answer || fingerprint || id, 'escape') FROM idempotency_keys WHERE tenant_id = $1", _tenant);
        foreach (var secret in new[] { device.device_secret, device.device_id.ToString(), device.device_label, _key })
        {
            Assert.DoesNotContain(secret, row, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain(Convert.ToBase64String(Encoding.ASCII.GetBytes(secret)), row, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_changed_answer_is_not_given()
    {
        (await Client.PostProvisionAsync(key: _key)).Dispose();
        await host.ScalarAsync<object>("UPDATE idempotency_keys SET answer = set_byte(answer, 40, get_byte(answer, 40) # 1) WHERE tenant_id = $1", _tenant);
        await Envelope.AssertAsync(await Client.PostProvisionAsync(key: _key), 500, "internal_error");
    }

    private Task<long> DevicesAsync() => host.ScalarAsync<long>("SELECT count(*) FROM devices WHERE tenant_id = $1", _tenant);
}

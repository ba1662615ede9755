using System.Text.Json;
using EasySmart.Hosting;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>Part of the list, and page by page.</summary>
public sealed class ListFilterTests(DevicesHost host)
{
    private readonly Guid _tenant = Guid.CreateVersion7();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private HttpClient Client => host.Admin(_tenant);

    [Fact]
    public async Task By_status_and_by_all_of_the_tags()
    {
        var (one, two, three) = (await Client.ProvisionAsync(), await Client.ProvisionAsync(), await Client.ProvisionAsync());
        await Client.ActAsync(two.device_id, "suspend").OkAsync();
        await Client.PatchAsync(one.device_id, new { tags = new[] { "hot", "hall 3" } }).OkAsync();
        await Client.PatchAsync(three.device_id, new { tags = new[] { "hot" } }).OkAsync();
        Assert.Equal([three.device_id, one.device_id], await FindAsync("?status=claimed"));
        Assert.Equal([two.device_id], await FindAsync("?status=suspended"));
        Assert.Empty(await FindAsync("?status=unclaimed"));
        Assert.Equal(3, (await FindAsync("?status=")).Count);
        Assert.Equal([three.device_id, one.device_id], await FindAsync("?tag=hot"));
        Assert.Equal([one.device_id], await FindAsync("?tag=hot&tag=hall%203"));
        Assert.Empty(await FindAsync("?tag=hot&tag=cold"));
        Assert.Empty(await FindAsync("?tag=ho"));
        Assert.Equal([one.device_id], await FindAsync("?tag=hall%203&status=claimed&limit=5"));
    }

    [Fact]
    public async Task By_part_of_the_label_or_the_hardware_id_and_by_id()
    {
        var word = Guid.NewGuid().ToString("N")[..8];
        var (one, two) = (await Client.ProvisionAsync($"{word} 100% Ação_{word}"), await Client.ProvisionAsync($"{word} \\other"));
        var third = await Client.ProvisionAsync();
        await host.ScalarAsync<int>("UPDATE devices SET hardware_id = $2 WHERE id = $1", third.device_id, $"HW{word}X");
        Assert.Equal([third.device_id, two.device_id, one.device_id], await FindAsync($"?q={word}"));
        Assert.Equal([one.device_id], await FindAsync($"?q={word}%20100%25%20a"));
        Assert.Equal([one.device_id], await FindAsync("?q=100%25"));
        Assert.Empty(await FindAsync($"?q={word}%20100_"));
        Assert.Equal([one.device_id], await FindAsync($"?q=o_{word.ToUpperInvariant()}"));
        Assert.Equal([two.device_id], await FindAsync("?q=%20\\"));
        Assert.Equal([third.device_id], await FindAsync($"?q=hw{word}"));
        Assert.Equal([two.device_id], await FindAsync($"?q={two.device_id}"));
        Assert.Equal([two.device_id], await FindAsync($"?q=%20{two.device_id.ToString().ToUpperInvariant()}%20"));
        Assert.Empty(await FindAsync($"?q={two.device_id.ToString()[..13]}"));
        Assert.Equal(3, (await FindAsync("?q=")).Count);
        // Another tenant's are not found by anything.
        Assert.Empty(Ids(await host.Admin(Guid.CreateVersion7()).GetAsync($"/devices?q={one.device_id}", Cancellation)));
    }

    [Fact]
    public async Task By_when_they_were_last_seen_and_never_is_before()
    {
        var (old, young, never) = (await Client.ProvisionAsync(), await Client.ProvisionAsync(), await Client.ProvisionAsync());
        await SeenAsync(old, "2026-02-15T00:00:00Z");
        await SeenAsync(young, "2026-02-15T12:00:00Z");
        Assert.Equal([never.device_id, old.device_id], await FindAsync("?seen_before=2026-02-15T12:00:00Z"));
        Assert.Equal([never.device_id, young.device_id, old.device_id], await FindAsync("?seen_before=2026-02-15T12:00:00.000001Z"));
        Assert.Equal([never.device_id, young.device_id, old.device_id], await FindAsync("?seen_before=2026-02-15T09:30:00-03:00"));
        Assert.Equal([never.device_id], await FindAsync("?seen_before=2020-01-01T00:00:00Z"));

        Task<int> SeenAsync(ProvisionedDevice device, string at) => host.ScalarAsync<int>(
            "UPDATE devices SET last_seen_at = $2::timestamptz WHERE id = $1", device.device_id, DateTimeOffset.Parse(at, System.Globalization.CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData("?status=gone", "status")]
    [InlineData("?status=Claimed", "status")]
    [InlineData("?status=1", "status")]
    [InlineData("?seen_before=yesterday", "seen_before")]
    [InlineData("?limit=0", "limit")]
    [InlineData("?limit=x", "limit")]
    [InlineData("?cursor=x", "cursor")]
    [InlineData("?cursor=", "cursor")]
    [InlineData("?cursor=MS8y", "cursor")]
    [InlineData("?cursor=OTk5OTk5OTk5OTk5OTk5OTk5OS8wMTljNWJkMS04YzAwLTdjM2EtOWY0ZS0yYjZkOGExZTVmNzA", "cursor")]
    public async Task A_wrong_filter_is_400_and_named(string query, string field)
    {
        var envelope = await Envelope.AssertAsync(await Client.GetAsync($"/devices{query}", Cancellation), 400, "bad_request");
        Assert.Equal([field], envelope.GetProperty("details").EnumerateObject().Select(p => p.Name));
    }

    [Theory]
    [InlineData("?q=%00")]
    [InlineData("?tag=%00")]
    public async Task What_cannot_be_searched_for_is_400(string query) =>
        await Envelope.AssertAsync(await Client.GetAsync($"/devices{query}", Cancellation), 400, "bad_request");

    [Fact]
    public async Task Pages_show_each_device_once_whatever_is_made_meanwhile_and_none_is_empty()
    {
        var made = new List<Guid>();
        for (var i = 0; i < 6; i++)
        {
            made.Insert(0, (await Client.ProvisionAsync()).device_id);
        }

        // Three of one moment, as an import makes them: their ids tell them apart.
        await host.ScalarAsync<int>("UPDATE devices SET created_at = (SELECT created_at FROM devices WHERE id = $1) WHERE id = ANY($2)", made[2], made.Skip(2).Take(3).ToArray());
        var all = await FindAsync("");
        foreach (var size in new[] { 6, 7, 2, 3, 1, 50 })
        {
            var (seen, newer, pages) = (new List<Guid>(), new List<Guid>(), 0);
            string? next = $"?limit={size}&status=claimed";
            while (next is not null)
            {
                using var answer = await Client.GetAsync($"/devices{next}", Cancellation);
                var ids = Ids(answer);
                Assert.InRange(ids.Count, 1, size);
                seen.AddRange(ids);
                pages++;
                // The link keeps the filter; what is newer than the first page is on none of the others.
                next = answer.Headers.TryGetValues("Link", out var links) ? links.Single().Split('<', '>')[1] : null;
                Assert.True(next is null || next.Contains("status=claimed", StringComparison.Ordinal));
                newer.Add((await Client.ProvisionAsync()).device_id);
            }

            Assert.Equal(all, seen);
            Assert.Equal((int)Math.Ceiling((double)all.Count / size), pages);
            all.InsertRange(0, newer.Reverse<Guid>());
        }

        using var whole = await Client.GetAsync("/devices", Cancellation);
        Assert.False(whole.Headers.Contains("Link"));
    }

    private async Task<List<Guid>> FindAsync(string query) => Ids(await Client.GetAsync($"/devices{query}", Cancellation));

    private static List<Guid> Ids(HttpResponseMessage answer)
    {
        using var body = answer.Content.ReadAsStream(Cancellation);
        var list = JsonSerializer.Deserialize<JsonElement>(body);
        Assert.True(answer.IsSuccessStatusCode, list.GetRawText());
        return [.. list.EnumerateArray().Select(d => d.GetProperty("device_id").GetGuid())];
    }
}

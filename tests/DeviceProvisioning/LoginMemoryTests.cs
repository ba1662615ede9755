using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.DeviceProvisioning.Devices;
using EasySmart.DeviceProvisioning.Mqtt;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace EasySmart.DeviceProvisioning.Tests;

/// <summary>What memory says, by what it was told and when.</summary>
public sealed class LoginMemoryTests
{
    private static readonly byte[] Secret = Credential.Hash("secret");
    private readonly Guid _tenant = Guid.CreateVersion7();
    private readonly FakeTimeProvider _clock = new();

    [Fact]
    public void A_reading_that_began_before_a_device_was_forgotten_does_not_bring_it_back()
    {
        var memory = New(out var login);
        var before = memory.Mark();
        memory.Know(before, [login.DeviceId], Found(login));
        Assert.NotNull(memory.LogIn(login.DeviceId.ToString(), Secret));

        var mark = memory.Mark();
        memory.Forget(login.DeviceId);
        memory.Know(mark, [login.DeviceId], Found(login));
        memory.KnowAll(mark, Found(login));
        Assert.Null(memory.LogIn(login.DeviceId.ToString(), Secret));
        Assert.Null(memory.LogIn(login.Label!, Secret));

        memory.KnowAll(memory.Mark(), Found(login));
        Assert.NotNull(memory.LogIn(login.Label!, Secret));
    }

    [Fact]
    public async Task Whatever_is_forgotten_comes_up_for_reading()
    {
        var backlog = new LoginBacklog();
        var memory = new LoginMemory(backlog, Options.Create(new MqttOptions()), _clock);
        var devices = Enumerable.Range(0, 2500).Select(_ => Guid.CreateVersion7()).ToHashSet();
        foreach (var device in devices)
        {
            memory.Forget(device);
        }

        while (devices.Count > 0)
        {
            var portion = await backlog.TakeAsync(TestContext.Current.CancellationToken);
            if (devices.Count == 2500)
            {
                backlog.PutBack(portion);
                portion = await backlog.TakeAsync(TestContext.Current.CancellationToken);
            }

            Assert.InRange(portion.Devices.Length, 1, 1000);
            devices.ExceptWith(portion.Devices);
            backlog.Done();
        }
    }

    [Fact]
    public void Memory_is_trusted_for_a_while_without_a_word_from_the_database()
    {
        var memory = New(out var login);
        memory.KnowAll(memory.Mark(), Found(login));
        _clock.Advance(TimeSpan.FromMinutes(5) - TimeSpan.FromMilliseconds(1));
        Assert.NotNull(memory.LogIn(login.Label!, Secret));
        _clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Null(memory.LogIn(login.Label!, Secret));
        memory.Heard(_clock.GetTimestamp());
        Assert.NotNull(memory.LogIn(login.Label!, Secret));
    }

    [Fact]
    public void A_secret_passes_until_it_is_over_and_a_wrong_one_is_not_memorys_to_refuse()
    {
        var memory = New(out var login);
        var until = _clock.GetUtcNow().AddMinutes(1);
        var (old, young) = (new KnownSecret(Guid.NewGuid(), Credential.Hash("old"), until), new KnownSecret(Guid.NewGuid(), Secret, null));
        memory.KnowAll(memory.Mark(), Found(login with { Secrets = [old, young] }));
        var got = memory.LogIn(login.Label!, Credential.Hash("old"));
        Assert.Equal((old.CredentialId, until), (got!.CredentialId, got.ValidUntil));
        Assert.Equal(young.CredentialId, memory.LogIn(login.Label!, Secret)!.CredentialId);
        Assert.Null(memory.LogIn(login.Label!, Credential.Hash("neither")));
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Null(memory.LogIn(login.Label!, Credential.Hash("old")));
        memory.Suspend([login.TenantId]);
        Assert.Null(memory.LogIn(login.Label!, Secret));
    }

    private LoginMemory New(out KnownLogin login)
    {
        login = new KnownLogin(Guid.CreateVersion7(), _tenant, "pump", DeviceStatus.Active, [new(Guid.CreateVersion7(), Secret, null)]);
        var memory = new LoginMemory(new LoginBacklog(), Options.Create(new MqttOptions()), _clock);
        memory.Heard(_clock.GetTimestamp());
        return memory;
    }

    private static Dictionary<Guid, KnownLogin> Found(KnownLogin login) => new() { [login.DeviceId] = login };
}

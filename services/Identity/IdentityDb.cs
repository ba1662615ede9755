using EasySmart.Identity.Accounts;
using EasySmart.Identity.ApiKeys;
using EasySmart.Identity.Tokens;
using EasySmart.Identity.Users;
using EasySmart.ServiceDefaults.Messaging;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity;

/// <summary>Accounts and sessions. The audit log is beside it, written by its consumer alone.</summary>
internal sealed class IdentityDb(DbContextOptions<IdentityDb> options) : DbContext(options)
{
    public DbSet<Tenant> Tenants => Set<Tenant>();

    public DbSet<User> Users => Set<User>();

    public DbSet<Session> Sessions => Set<Session>();

    public DbSet<RefreshToken> RefreshTokens => Set<RefreshToken>();

    public DbSet<Invitation> Invitations => Set<Invitation>();

    public DbSet<PasswordReset> PasswordResets => Set<PasswordReset>();

    public DbSet<ApiKey> ApiKeys => Set<ApiKey>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.AddOutbox();
        modelBuilder.Entity<Tenant>(tenant =>
        {
            tenant.Property(t => t.Id).ValueGeneratedNever();
            tenant.Property(t => t.Status).IsSpelt();
        });
        modelBuilder.Entity<User>(user =>
        {
            user.Property(u => u.Id).ValueGeneratedNever();
            user.Property(u => u.Role).IsSpelt();
            user.Property(u => u.Status).IsSpelt();
            user.HasOne(u => u.Tenant).WithMany().HasForeignKey(u => u.TenantId);
        });
        modelBuilder.Entity<ApiKey>(key =>
        {
            key.Property(k => k.Id).ValueGeneratedNever();
            key.HasOne<Tenant>().WithMany().HasForeignKey(k => k.TenantId);
        });
        modelBuilder.Entity<RefreshToken>(token =>
        {
            token.Property(t => t.Id).ValueGeneratedNever();
            token.HasOne<Session>().WithMany().HasForeignKey(t => t.SessionId);
        });
        modelBuilder.Entity<Session>(session =>
        {
            session.Property(s => s.Id).ValueGeneratedNever();
            session.HasOne<User>().WithMany().HasForeignKey(s => s.UserId);
        });
        modelBuilder.Entity<Invitation>(invitation =>
        {
            invitation.Property(i => i.Id).ValueGeneratedNever();
            invitation.Property(i => i.Role).IsSpelt();
            invitation.HasOne<Tenant>().WithMany().HasForeignKey(i => i.TenantId);
        });
        modelBuilder.Entity<PasswordReset>(reset =>
        {
            reset.Property(r => r.Id).ValueGeneratedNever();
            reset.HasOne<User>().WithMany().HasForeignKey(r => r.UserId);
        });
    }
}
